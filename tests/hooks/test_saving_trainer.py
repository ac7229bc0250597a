"""A Trainer has our callback without a changed line, and asks when it saves and when it ends."""

from __future__ import annotations

import neffcache_hooks
from hooks.saver import Job, load


def test_an_unchanged_trainer_asks_at_a_save(job: Job) -> None:
    trainer = load("transformers.trainer").Trainer()
    trainer.tell("on_save")
    assert job.asked()


def test_at_its_end_a_trainer_asks_however_short_ago_it_saved(job: Job) -> None:
    trainer = load("transformers.trainer").Trainer()
    trainer.tell("on_save")
    assert job.asked()
    trainer.tell("on_save")
    assert not job.asked()
    trainer.tell("on_train_end")
    assert job.asked()


def test_the_callback_leaves_the_trainers_control_alone(job: Job) -> None:
    trainer = load("transformers.trainer").Trainer()
    assert trainer.tell("on_save") == [None, None]
    assert job.asked()


def test_callbacks_that_are_no_list_of_classes_are_left_alone(job: Job) -> None:
    neffcache_hooks.disable()
    trainer = load("transformers.trainer")
    trainer.DEFAULT_CALLBACKS = {"flow": 1}
    neffcache_hooks.enable()
    assert trainer.DEFAULT_CALLBACKS == {"flow": 1}
    assert not job.asked()


def test_the_callback_by_hand_works_without_the_hooks(job: Job) -> None:
    neffcache_hooks.disable()
    kind = neffcache_hooks.NeffcacheCallback
    trainer = load("transformers.trainer").Trainer([kind])
    trainer.train()
    assert job.asked()
