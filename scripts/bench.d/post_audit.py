#!/usr/bin/env python3
"""Posts audit events at a steady rate over several connections; exits with 1 if one is refused or comes too late."""
import http.client
import sys
import threading
import time

address, rate, seconds, log = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
events = [line.strip().encode() for line in open(log, encoding="utf-8")]
connections, total = 8, rate * seconds
refused, latest, lock = {}, [0.0], threading.Lock()
begin = time.monotonic() + 0.2


def post(number):
    connection = http.client.HTTPConnection(address)
    slowest = 0.0
    for request in range(number, total, connections):
        due = begin + request / rate
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        connection.request("POST", "/k8s-audit", events[request % len(events)], {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        slowest = max(slowest, time.monotonic() - due)
        if answer.status != 200:
            with lock:
                refused[answer.status] = refused.get(answer.status, 0) + 1
    with lock:
        latest[0] = max(latest[0], slowest)


threads = [threading.Thread(target=post, args=(number,)) for number in range(connections)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
took = time.monotonic() - begin
print(f"posted: {total} requests in {took:.1f} s ({total / took:.0f}/s), refused: {refused or 'none'}, "
      f"latest answer: {latest[0] * 1000:.0f} ms after its time")
sys.exit(1 if refused else 0)
