"""Facts as questions: templates with a subject, and candidates for the object. No torch."""
