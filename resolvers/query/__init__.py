"""The language that lists are asked in: text in, conditions out. REST lists and export jobs share it."""
