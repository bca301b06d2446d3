"""Pages of runs and workers."""

from workers.views import job, runs
from workers.views import workers as workers_page
from workspaces.routes import Role, page

_RUNS = "w/<str:workspace>/runs"
_JOB = f"{_RUNS}/<uuid:job_id>"

urlpatterns = [
    page(_RUNS, runs.runs, name="runs", role=Role.MEMBER),
    page(_JOB, job.job, name="job", role=Role.MEMBER),
    page(f"{_JOB}/cancel", job.cancel_job, name="cancel-job", role=Role.MEMBER),
    page(f"{_JOB}/again", job.run_again, name="run-again", role=Role.MEMBER),
    page(f"{_JOB}/result", job.result, name="job-result", role=Role.MEMBER),
    page(f"{_JOB}/result/more", job.result_more, name="job-result-more", role=Role.MEMBER),
    page(f"{_JOB}/log", job.log, name="job-log", role=Role.MEMBER),
    page("w/<str:workspace>/workers", workers_page.workers, name="workers", role=Role.MEMBER),
]
