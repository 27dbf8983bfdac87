"""The doctor's page: problems, causes and remedies."""
