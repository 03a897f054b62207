"""Parts of moesifapi other than the API calls. Programs written for this package do not need them."""
