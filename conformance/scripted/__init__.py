"""A model server in four protocols whose answers are written beforehand. It knows no Turnout."""
