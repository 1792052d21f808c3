"""What an endpoint costs on AWS, and when a server that is always on costs less."""
