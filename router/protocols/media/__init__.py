"""How large what is not text is: pixels, seconds and pages, read without any I/O."""
