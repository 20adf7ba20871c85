"""What the use cases ask of the database, by what is asked for."""
