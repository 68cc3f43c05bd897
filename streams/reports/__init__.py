"""Reports that accountants use (docs/reports.md): pure calculations over the rows of `connectors.reading`.

One report a module, each a function from books and a question to a `Report`. Must not know databases, files or screens.
"""
