"""Makes a sale knowing the published interfaces alone: no introspection at run time.

Usage: dbus_fast_client.py BUS-ADDRESS XML-DIRECTORY TOKEN AMOUNT CURRENCY
Prints the transaction's properties once it is done, with the states that were announced, as JSON.
"""

import asyncio
import json
import sys
from pathlib import Path

from dbus_fast import Variant
from dbus_fast.aio import MessageBus
from dbus_fast.introspection import Node

PROPERTIES = Node.parse("""
<node>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="GetAll">
      <arg name="interface" type="s" direction="in"/>
      <arg name="properties" type="a{sv}" direction="out"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface" type="s"/>
      <arg name="changed" type="a{sv}"/>
      <arg name="invalidated" type="as"/>
    </signal>
  </interface>
</node>""")


async def main(address, directory, token, amount, currency):
    bus = await MessageBus(bus_address=address).connect()

    def published(name):
        return Node.parse((Path(directory) / f"{name}.xml").read_text())

    # The path follows from the token, so that nothing is missed between creation and subscription.
    escaped = "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in token)
    path = f"/org/tenderd/transaction/{escaped}"
    properties = bus.get_proxy_object("org.tenderd", path, PROPERTIES).get_interface("org.freedesktop.DBus.Properties")
    seen, done = [], asyncio.Event()

    def changed(_interface, values, _invalidated):
        if "State" in values:
            seen.append(values["State"].value)
            if seen[-1] == "done":
                done.set()

    properties.on_properties_changed(changed)
    terminal = bus.get_proxy_object("org.tenderd", "/org/tenderd", published("org.tenderd.Terminal1"))
    terminal = terminal.get_interface("org.tenderd.Terminal1")
    options = {"token": token, "amount": amount, "currency": currency}
    created = await terminal.call_create_transaction({key: Variant("s", value) for key, value in options.items()})
    assert created == path, f"{created} is not {path}"
    await asyncio.wait_for(done.wait(), timeout=20)

    transaction = bus.get_proxy_object("org.tenderd", path, published("org.tenderd.Transaction1"))
    transaction = transaction.get_interface("org.tenderd.Transaction1")
    print(json.dumps({
        "Result": await transaction.get_result(),
        "AmountApproved": await transaction.get_amount_approved(),
        "MaskedPan": await transaction.get_masked_pan(),
        "seen": seen,
    }))
    bus.disconnect()


asyncio.run(main(*sys.argv[1:]))
