"""The probe: one small read each 20 ms, in a process of its own, until its standard input ends.

It is told the port and the request, says "ready" after the first answer, and at the end prints what it saw:
a JSON list of [when, seconds, status], where the status is 0 if no answer came.
"""

import http.client
import json
import select
import socket
import sys
import time

SECONDS_BETWEEN = 0.02
SECONDS_TO_ANSWER = 30.0


def main(port: int, request: bytes) -> None:
    samples: list[tuple[float, float, int]] = []
    connection: socket.socket | None = None
    while True:
        at, status = time.monotonic(), 0
        try:
            connection = connection or socket.create_connection(("127.0.0.1", port), SECONDS_TO_ANSWER)
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            response.begin()
            response.read()
            status = response.status
        except (OSError, http.client.HTTPException):
            connection = None
        samples.append((at, time.monotonic() - at, status))
        if len(samples) == 1:
            print("ready", flush=True)
        pause = max(0.0, SECONDS_BETWEEN - (time.monotonic() - at))
        if select.select([sys.stdin], [], [], pause)[0]:
            print(json.dumps(samples), flush=True)
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), bytes.fromhex(sys.argv[2]))
