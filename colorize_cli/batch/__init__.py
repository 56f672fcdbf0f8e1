"""From folders to folders: planning, the pipeline, its records."""
