"""One project, made by teams of several frameworks, all asking one fake model over the wire."""
