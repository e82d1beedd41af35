"""Telling people what falls due: when (`ladders`), whom (`audience`), the outbox (`sweep`) and its sending (`relay`)."""
