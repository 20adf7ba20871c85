"""The version of what is stored of a job's progress."""

STATE_VERSION = 1
"""How `parameters` and `cursor` of a job are written.

A worker goes on only with jobs of this version and of those before it, and leaves others to newer
workers. Raise it with every change that workers of the version before would not read rightly; what
they may ignore needs none, for readers pass over what they do not know.
"""
