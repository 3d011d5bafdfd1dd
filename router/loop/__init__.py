"""What is learnt from answers: outcomes, shadow audits, refits, cards."""
