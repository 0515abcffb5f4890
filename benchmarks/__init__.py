"""What is measured, and against which limits: one module per part."""
