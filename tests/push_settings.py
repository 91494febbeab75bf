"""The console's settings with the channel of `tests.push`, for processes that a test starts: PUSH_TEST_URL is its platform."""

from __future__ import annotations

import os

from crisis import settings
from messaging.channels import CHANNELS

globals().update({name: value for name, value in vars(settings).items() if name.isupper()})
CHANNELS["push-test"] = "tests.push.PushTest"
CHANNEL_URLS = {**settings.CHANNEL_URLS, "push-test": os.environ["PUSH_TEST_URL"]}
