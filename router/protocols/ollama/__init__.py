"""Ollama's own form, `POST /api/chat`: what backends of the dialect `ollama` are asked in."""
