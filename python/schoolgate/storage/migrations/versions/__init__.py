"""One file a revision, in order. None of them imports `schema`: that is what the tables are today."""
