"""A Django project for tests: sessions and users in a database, views of every kind."""
