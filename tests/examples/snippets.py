"""Code from the documentation of moesifwsgi, without its comments, and the code that it needs around it."""

#: The application ids of the documentation.
IDS = ("YOUR_MOESIF_APPLICATION_ID", "Your Moesif Application Id")

WRAP_FLASK = """
from moesifwsgi import MoesifMiddleware

moesif_settings = {
    'APPLICATION_ID': 'YOUR_MOESIF_APPLICATION_ID',
    'LOG_BODY': True,
}

app.wsgi_app = MoesifMiddleware(app.wsgi_app, moesif_settings)
"""

WRAP_BOTTLE = """
from moesifwsgi import MoesifMiddleware

app = bottle.Bottle()

moesif_settings = {
    'APPLICATION_ID': 'YOUR_MOESIF_APPLICATION_ID',
    'LOG_BODY': True,
}

bottle.run(app=MoesifMiddleware(app, moesif_settings))
"""

WRAP_PYRAMID = """
from pyramid.config import Configurator
from moesifwsgi import MoesifMiddleware

if __name__ == '__main__':
    config = Configurator()
    config.add_route('hello', '/')
    config.scan()
    app = config.make_wsgi_app()

    moesif_settings = {
        'APPLICATION_ID': 'YOUR_MOESIF_APPLICATION_ID',
        'LOG_BODY': True,
    }

    app = MoesifMiddleware(app, moesif_settings)

    server = make_server('0.0.0.0', 8080, app)
    server.serve_forever()
"""

OUTGOING = """
from moesifwsgi import MoesifMiddleware
from flask import Flask

moesif_settings = {
    'APPLICATION_ID': 'YOUR_MOESIF_APPLICATION_ID',
    'LOG_BODY': True,
    'CAPTURE_OUTGOING_REQUESTS': False
}

app = Flask(__name__)

app.wsgi_app = MoesifMiddleware(app.wsgi_app, moesif_settings)
"""

EVERY_FUNCTION = """
def identify_user(app, environ, response_headers=dict()):
    return "12345"

def identify_company(app, environ, response_headers=dict()):
    return "67890"

def should_skip(app, environ):
    return "health/probe" in environ.get('PATH_INFO', '')

def get_token(app, environ):
    return "XXXXXXXXXXXXXX"

def mask_event(eventmodel):
    if 'password' in eventmodel.response.body:
        eventmodel.response.body['password'] = None
    return eventmodel

def get_metadata(app, environ):
    return {
        'datacenter': 'westus',
        'deployment_version': 'v1.2.3',
    }

moesif_settings = {
    'APPLICATION_ID': 'YOUR_MOESIF_APPLICATION_ID',
    'DEBUG': False,
    'LOG_BODY': True,
    'IDENTIFY_USER': identify_user,
    'IDENTIFY_COMPANY': identify_company,
    'GET_SESSION_TOKEN': get_token,
    'SKIP': should_skip,
    'MASK_EVENT_MODEL': mask_event,
    'GET_METADATA': get_metadata,
    'CAPTURE_OUTGOING_REQUESTS': False
}

app.wsgi_app = MoesifMiddleware(app.wsgi_app, moesif_settings)
"""

CLIENT = """
api_client = MoesifAPIClient("Your Moesif Application Id").api
"""

UPDATE_USER = """
user = {
  'user_id': '12345',
  'company_id': '67890',
  'campaign': {
    'utm_source': 'google',
    'utm_medium': 'cpc',
    'utm_campaign': 'adwords',
    'utm_term': 'api+tooling',
    'utm_content': 'landing'
  },
  'metadata': {
    'email': 'john@acmeinc.com',
    'first_name': 'John',
    'last_name': 'Doe',
    'title': 'Software Engineer',
    'sales_info': {
        'stage': 'Customer',
        'lifetime_value': 24000,
        'account_owner': 'mary@contoso.com'
    },
  }
}

update_user = api_client.update_user(user)
"""

UPDATE_USERS = """
userA = {
  'user_id': '12345',
  'company_id': '67890',
  'metadata': {
    'email': 'john@acmeinc.com',
    'first_name': 'John',
    'last_name': 'Doe',
    'title': 'Software Engineer',
    'sales_info': {
        'stage': 'Customer',
        'lifetime_value': 24000,
        'account_owner': 'mary@contoso.com'
    },
  }
}

userB = {
  'user_id': '54321',
  'company_id': '67890',
  'metadata': {
    'email': 'mary@acmeinc.com',
    'first_name': 'Mary',
    'last_name': 'Jane',
    'title': 'Software Engineer',
    'sales_info': {
        'stage': 'Customer',
        'lifetime_value': 48000,
        'account_owner': 'mary@contoso.com'
    },
  }
}
update_users = api_client.update_users_batch([userA, userB])
"""

UPDATE_COMPANY = """
company = {
  'company_id': '67890',
  'company_domain': 'acmeinc.com',
  'campaign': {
    'utm_source': 'google',
    'utm_medium': 'cpc',
    'utm_campaign': 'adwords',
    'utm_term': 'api+tooling',
    'utm_content': 'landing'
  },
  'metadata': {
    'org_name': 'Acme, Inc',
    'plan_name': 'Free',
    'deal_stage': 'Lead',
    'mrr': 24000,
    'demographics': {
        'alexa_ranking': 500000,
        'employee_count': 47
    },
  }
}

update_company = api_client.update_company(company)
"""

UPDATE_COMPANIES = """
companyA = {
  'company_id': '67890',
  'company_domain': 'acmeinc.com',
  'metadata': {
    'org_name': 'Acme, Inc',
    'plan_name': 'Free',
    'deal_stage': 'Lead',
    'mrr': 24000,
    'demographics': {
        'alexa_ranking': 500000,
        'employee_count': 47
    },
  }
}

companyB = {
  'company_id': '09876',
  'company_domain': 'contoso.com',
  'metadata': {
    'org_name': 'Contoso, Inc',
    'plan_name': 'Free',
    'deal_stage': 'Lead',
    'mrr': 48000,
    'demographics': {
        'alexa_ranking': 500000,
        'employee_count': 53
    },
  }
}

update_companies = api_client.update_companies_batch([companyA, companyB])
"""

# Code that the documentation leaves out: an application, its imports, and calls of it.

FLASK = """
import flask
from moesifwsgi import MoesifMiddleware

app = flask.Flask(__name__)
app.add_url_rule("/", "object", lambda: {"password": "s3cr3t", "hello": "world"})
app.add_url_rule("/list", "list", lambda: [1, 2])
app.add_url_rule("/nothing", "nothing", lambda: "")
app.add_url_rule("/health/probe", "probe", lambda: {})
"""

CALL_FLASK = """
from tests.gateway import make_environ, request

for path in ("/", "/list", "/nothing", "/health/probe"):
    print(request(app.wsgi_app, make_environ(path=path)).status)
"""

BOTTLE = """
import bottle
from tests.gateway import request

def run(app):
    application.get("/")(lambda: {"hello": "world"})
    print(request(app).status)

application = bottle.default_app()
bottle.run = run
bottle.Bottle = lambda: application
"""

PYRAMID = """
from pyramid.view import view_config
from tests.gateway import request

@view_config(route_name="hello", renderer="json")
def hello(request):
    return {"hello": "world"}

class make_server:
    def __init__(self, host, port, app):
        self.app = app

    def serve_forever(self):
        print(request(self.app).status)
"""
