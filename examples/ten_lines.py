"""The shortest program that rings: it watches itself, and tells of something of its own."""

import tocsin

with tocsin.watch(name="nightly-backup") as bell:
    bell.alert_triggered.connect(lambda title, _message, level: print(f"heard: {title} (level {level})"))
    tocsin.emit(
        "Disk almost full",
        "3 GB left on /data, the next backup needs 40 GB",
        level="critical",
        source="backup",
        recommendations=["Delete backups older than a month"],
    )
