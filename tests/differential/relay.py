"""A relay before PostgreSQL that tells one lie: what the tester must notice. It is Forebay's stand-in in the tester's own tests."""

import socket
import struct
import threading


def drop(kind, number):
    """Leaves out the n-th message of this kind (from 0)."""
    return lambda m, seen, held: [] if m[:1] == kind and seen == number else [m]


def swap(kind, number):
    """The n-th message of this kind comes behind the message that follows it."""
    def act(m, seen, held):
        if m[:1] == kind and seen == number:
            held.append(m)
            return []
        return [m, *[held.pop() for _ in held[:]]]

    return act


def change(kind, number, before, after):
    return lambda m, seen, held: [m.replace(before, after) if m[:1] == kind and seen == number else m]


def twice(kind, number):
    return lambda m, seen, held: [m, m] if m[:1] == kind and seen == number else [m]


def honest(m, seen, held):
    return [m]


class Relay:
    """Every connection gets a server connection of its own; after its login the lie is told once per connection."""

    host = "127.0.0.1"

    def __init__(self, server, lie):
        self.server, self.lie, self.sockets = server, lie, []
        self.listener = socket.create_server((self.host, 0))
        self.port = self.listener.getsockname()[1]
        self._thread(self._accept)

    def _thread(self, work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection((self.server.host, self.server.port))
            self.sockets += [client, server]
            self._thread(self._forward, client, server)
            self._thread(self._backward, server, client)

    @staticmethod
    def _forward(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _backward(self, source, target):
        buffer, seen, held, logged_in = b"", {}, [], False
        try:
            while data := source.recv(65536):
                buffer += data
                while len(buffer) >= 5 and len(buffer) > (size := struct.unpack("!I", buffer[1:5])[0]):
                    m, buffer = buffer[: size + 1], buffer[size + 1 :]
                    if logged_in:
                        number = seen[m[:1]] = seen.get(m[:1], -1) + 1
                        target.sendall(b"".join(self.lie(m, number, held)))
                    else:
                        target.sendall(m)
                        logged_in = m[:1] == b"Z"
        except OSError:
            pass
        finally:
            self._end(target)

    @staticmethod
    def _end(s):
        try:
            s.shutdown(socket.SHUT_RDWR)  # close() alone would wait for the thread that reads from it
        except OSError:
            pass

    def close(self):
        self.listener.close()
        for s in self.sockets:
            self._end(s)
