"""The site: settings, urls, asgi routing and the one command that runs it all."""
