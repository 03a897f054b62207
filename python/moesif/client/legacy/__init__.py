"""What moesifapi has besides the API calls. Nothing here is needed by programs written for this package."""
