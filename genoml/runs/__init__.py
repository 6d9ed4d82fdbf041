"""Run folders: a trained model with its settings and the record of its training.

``train_data``, ``train_files`` and ``resume_run`` do what ``genoml train`` does; ``load_run`` gives a ``Run``, which
predicts and evaluates; ``save_run`` makes one of a network that was made by hand, ``import_weights`` of another
tool's; ``reseal`` seals one that was edited.
``genoml.report.write_report`` writes its page.
"""

from genoml.nn.description import describe_network
from genoml.runs.assess import HeldOut
from genoml.runs.baseline import KmerBaseline, KmerRidge
from genoml.runs.data_settings import DataSettings
from genoml.runs.folder import EVENTS, RunFolder, open_run, read_log, refuse_existing
from genoml.runs.from_files import read_pair, read_source, resume_run, train_data, train_files
from genoml.runs.imported import import_weights
from genoml.runs.network import NetworkSettings
from genoml.runs.progress import Progress
from genoml.runs.record import RunError, RunRecord, SourceRecord, read_record, reseal
from genoml.runs.run import Run, build_recorded, load_run
from genoml.runs.save import save_run
from genoml.runs.split import split_validation
from genoml.runs.tasks import TaskRecord
from genoml.runs.train_run import begin_run, continue_run

__all__ = [
    "EVENTS",
    "DataSettings",
    "HeldOut",
    "KmerBaseline",
    "KmerRidge",
    "NetworkSettings",
    "Progress",
    "Run",
    "RunError",
    "RunFolder",
    "RunRecord",
    "SourceRecord",
    "TaskRecord",
    "begin_run",
    "build_recorded",
    "continue_run",
    "describe_network",
    "import_weights",
    "load_run",
    "open_run",
    "read_log",
    "read_pair",
    "read_record",
    "read_source",
    "refuse_existing",
    "reseal",
    "resume_run",
    "save_run",
    "split_validation",
    "train_data",
    "train_files",
]
