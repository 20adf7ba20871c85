"""Flask-SQLAlchemy in a view or a shell uses the service's engine."""

from sqlalchemy import text


def test_it_has_the_engine_of_the_service_and_a_session_on_it(app, database):
    extension = app.extensions["sqlalchemy"]
    with app.app_context():
        assert extension.engine is database.engine
        assert 1 == extension.session.execute(text("SELECT 1")).scalar_one()
