"""Pages about people: login, set-up, account, workspaces."""

from workspaces import views_account, views_login
from workspaces.routes import Role, page

urlpatterns = [
    page("", views_login.start, name="start", role=Role.LOGIN),
    page("user/login", views_login.login, name="login", role=Role.PUBLIC),
    page("user/logout", views_login.logout, name="logout", role=Role.LOGIN),
    page("setup/<str:token>", views_login.first_admin, name="setup", role=Role.PUBLIC),
    page("user/account", views_account.account, name="account", role=Role.LOGIN),
    page("user/account/password", views_account.change_password, name="change-password", role=Role.LOGIN),
    page("user/account/tokens", views_account.create_token, name="create-token", role=Role.LOGIN),
    page("user/account/tokens/<str:prefix>/delete", views_account.delete_token, name="delete-token", role=Role.LOGIN),
    page("user/workspaces/new", views_account.new_workspace, name="new-workspace", role=Role.SUPERADMIN),
]
