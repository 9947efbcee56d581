"""Qt (PySide6): a window whose thread gives a heartbeat; when it stops, Tocsin shows where it stands.

python examples/embedding/qt_app.py
"""

import signal
import sys
import time

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QPushButton

import tocsin

application = QApplication(sys.argv)
for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C, and whoever stops it, end the loop in order
    signal.signal(number, lambda *_: application.quit())

button = QPushButton("Load")
button.clicked.connect(lambda: time.sleep(6))  # blocks the window
button.show()
if "--click" in sys.argv:
    QTimer.singleShot(2000, button.click)

with tocsin.watch(name="window") as bell, bell.registered("gui", heartbeat_s=1.0) as gui:
    beat = QTimer()
    beat.timeout.connect(gui.heartbeat)  # runs on the GUI's thread, and so only while that is free
    beat.start(500)
    code = application.exec()
sys.exit(code)
