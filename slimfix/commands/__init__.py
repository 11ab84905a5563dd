"""The command line: one module a verb, each of which parses, calls one function, and reports."""
