"""A bot that answers: `echo TEXT` with the text, `time` with the time, anything else with what it can do.

    pawl register my-bot --relay https://chat.example.org --key-file bot.key
    PAWL_KEY_FILE=bot.key python3 docs/bot.py

`pawl receive --follow` has the store; `pawl send` lets it send. What is printed once is not printed again,
so the bot may be stopped and started at any time.
"""
import json
import subprocess
import sys
import time


def answer(text):
    command, _, rest = text.partition(" ")
    if command == "echo" and rest.strip():
        return rest
    if command == "time":
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return "I know: echo TEXT, time"


def main():
    receive = ["pawl", "receive", "--follow", "--json"]
    with subprocess.Popen(receive, stdout=subprocess.PIPE, text=True, encoding="utf-8") as pawl:
        for line in pawl.stdout:
            event = json.loads(line)
            if event["type"] != "message":
                continue
            command = ["pawl", "send", event["from"]]
            sent = subprocess.run(command, input=answer(event["text"]), text=True, encoding="utf-8")
            if sent.returncode not in (0, 3):
                print(f"not sent to {event['from']}", file=sys.stderr)
    return pawl.returncode


if __name__ == "__main__":
    sys.exit(main())
