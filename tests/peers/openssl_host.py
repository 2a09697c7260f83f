"""Speaks TLS by OpenSSL in front of a host that speaks none.

Usage: openssl_host.py FOLDER PORT VERSION TICKETS CLIENTS
FOLDER has host.pem, host.key and bank.pem; PORT is the host's, on this machine; VERSION is TLSv1_2 or TLSv1_3; TICKETS is
how many session tickets a connection of TLS 1.3 gets; CLIENTS is "all", or "signed" for those that the bank has signed.
Prints the port at which it listens.
"""

import socket
import ssl
import sys
import threading


def relay(source, target):
    try:
        while data := source.recv(4096):
            target.sendall(data)
    except OSError:
        pass
    for side in (source, target):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(context, client, port):
    try:
        client = context.wrap_socket(client, server_side=True)
    except (ssl.SSLError, OSError):
        return
    host = socket.create_connection(("127.0.0.1", port))
    host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=relay, args=(host, client), daemon=True).start()
    relay(client, host)


def main(folder, port, version, tickets, clients):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/host.pem", f"{folder}/host.key")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.num_tickets = int(tickets)
    if clients == "signed":
        context.load_verify_locations(f"{folder}/bank.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(context, client, int(port)), daemon=True).start()


main(*sys.argv[1:])
