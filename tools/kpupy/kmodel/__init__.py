"""kmodel files: identification, reading, writing, and an integer reference that runs them."""
