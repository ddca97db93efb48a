"""The studio as people meet it: a real server process, a real browser, and what the store holds afterwards."""
