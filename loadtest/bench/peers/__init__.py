"""Small broadcasters on what a user would otherwise pick, written as its own documentation does it.

Each takes text messages on `/publish` (Socket.IO: from sockets with `role=publisher`) and passes them
on, unchanged, to every viewer; each prints `listening on PORT` once it is there.
"""
