#!/usr/bin/python3
"""A window of WebKitGTK that WebKitWebDriver drives, on a profile that lasts: browser.py FOLDER.

The engine's own MiniBrowser forgets everything when it ends. Debian's Python is named above, since no other one has gi.
"""
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402

profile = sys.argv[1]
context = WebKit2.WebContext.new_with_website_data_manager(
    WebKit2.WebsiteDataManager(base_data_directory=f"{profile}/data", base_cache_directory=f"{profile}/cache")
)
context.set_automation_allowed(True)
# To stderr, really: the tests read the page's complaints there.
settings = WebKit2.Settings(enable_write_console_messages_to_stdout=True)


def view(*_):
    web = WebKit2.WebView(web_context=context, settings=settings, is_controlled_by_automation=True)
    window = Gtk.Window(default_width=1200, default_height=850)
    window.add(web)
    window.show_all()
    web.connect("close", lambda _: window.destroy())
    return web


def started(_, session):
    # The driver compares this with what its client asks for.
    info = WebKit2.ApplicationInfo()
    info.set_name("MiniBrowser")
    info.set_version(WebKit2.get_major_version(), WebKit2.get_minor_version(), WebKit2.get_micro_version())
    session.set_application_info(info)
    session.connect("create-web-view", view)


context.connect("automation-started", started)
Gtk.main()
