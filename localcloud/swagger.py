"""Makes moto accept what `chalice deploy` sends: to API Gateway, Swagger 2 with authorizers.

moto reads only OpenAPI 3 with a description, and ignores its security.
"""

import json
from typing import Any
from urllib.parse import unquote

from moto.apigateway.models import APIGatewayBackend, Integration, RestAPI, apigateway_backends
from moto.awslambda import urls
from moto.awslambda.policy import Policy
from moto.awslambda.responses import LambdaResponse
from moto.core.config import default_user_config

Document = dict[str, Any]
CONCURRENT_EXECUTIONS = 1000
"""The quota of an account that is not new
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
AUTHORIZER = "x-amazon-apigateway-authorizer"


class Apis(APIGatewayBackend):
    """Imports Chalice's documents, with the authorizers that they name."""

    __module__ = APIGatewayBackend.__module__  # where moto looks for addresses

    def import_rest_api(self, api_doc: Document, fail_on_warnings: bool) -> RestAPI:  # noqa: D102
        api_doc["info"].setdefault("description", "")
        return super().import_rest_api(api_doc, fail_on_warnings)

    def put_rest_api(  # noqa: D102
        self, function_id: str, api_doc: Document, fail_on_warnings: bool, mode: str = "merge"
    ) -> RestAPI:
        document = {**api_doc, "openapi": "3.0.1"}
        document.pop("swagger", None)
        api = super().put_rest_api(function_id, document, fail_on_warnings, mode)
        if mode == "overwrite":
            api.authorizers.clear()
            api.gateway_responses.clear()
        api.binaryMediaTypes = api_doc.get("x-amazon-apigateway-binary-media-types", [])
        self._secure(api, api_doc)
        return api

    def put_integration(self, *args: Any, **kwargs: Any) -> Integration:  # noqa: D102
        # the preflight's mock has neither
        return super().put_integration(*args, **{"uri": "", "integration_method": "", **kwargs})

    def _secure(self, api: RestAPI, document: Document) -> None:
        made = {
            name: self._authorizer(api, name, scheme)
            for name, scheme in document.get("securityDefinitions", {}).items()
            if AUTHORIZER in scheme
        }
        for path, methods in document["paths"].items():
            resource = api.get_resource_for_path(path)
            for verb, described in methods.items():
                method = resource.get_method(verb.upper())
                method.authorization_type = "NONE"
                for name in (name for entry in described.get("security", []) for name in entry):
                    method.authorization_type, method.authorizer_id = "CUSTOM", made[name]

    def _authorizer(self, api: RestAPI, name: str, scheme: Document) -> str:
        authorizer = scheme[AUTHORIZER]
        authorizer = self.create_authorizer(
            api.id, name, authorizer["type"].upper(),
            authorizer_uri=authorizer["authorizerUri"],
            identity_source=f"method.request.header.{scheme['name']}",
            authorizer_result_ttl=authorizer.get("authorizerResultTtlInSeconds", 300),
        )  # fmt: skip
        return str(authorizer.id)


def _get_layer_version_by_arn(response: LambdaResponse) -> str:
    """Shows Chalice whether the layer of its last deployment exists."""
    _, name, version = unquote(response._get_param("Arn")).rsplit(":", 2)
    return json.dumps(response.backend.get_layer_version(name, version).get_layer_version())


def _get_account_settings(response: LambdaResponse) -> str:
    """Shows a deployment how many functions the account may run at once."""
    return json.dumps({"AccountLimit": {"ConcurrentExecutions": CONCURRENT_EXECUTIONS}})


def _get_function_recursion_config(response: LambdaResponse) -> str:
    """Shows a deployment whether a function may call itself."""
    function = response.backend.get_function(unquote(response.path.rsplit("/", 2)[-2]))
    return json.dumps({"RecursiveLoop": getattr(function, "recursive_loop", "Terminate")})


def _put_function_recursion_config(response: LambdaResponse) -> str:
    function = response.backend.get_function(unquote(response.path.rsplit("/", 2)[-2]))
    function.recursive_loop = json.loads(response.body)["RecursiveLoop"]  # type: ignore[attr-defined]
    return _get_function_recursion_config(response)


def _merge_conditions(policy: Policy, statement: Document) -> None:
    """Puts a permission's conditions where GetPolicy has them, a Function URL's among them."""
    _OWN_CONDITIONS(policy, statement)
    if "FunctionUrlAuthType" in statement:
        kind = {"lambda:FunctionUrlAuthType": statement.pop("FunctionUrlAuthType")}
        statement.setdefault("Condition", {})["StringEquals"] = kind
    if "InvokedViaFunctionUrl" in statement:
        through = {"lambda:InvokedViaFunctionUrl": str(statement.pop("InvokedViaFunctionUrl"))}
        statement.setdefault("Condition", {})["Bool"] = {
            name: value.lower() for name, value in through.items()
        }


_OWN_CONDITIONS = Policy.condition_merge

ADDED = (
    _get_layer_version_by_arn,
    _get_account_settings,
    _get_function_recursion_config,
    _put_function_recursion_config,
)

ADDED_PATHS = (
    r"{0}/(?P<api_version>[^/]+)/account-settings/?$",
    r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/recursion-config/?$",
)


def install() -> None:
    """Makes moto use these; call it before the first request."""
    apigateway_backends.backend = Apis
    Policy.condition_merge = _merge_conditions  # type: ignore[assignment, method-assign]
    for operation in ADDED:
        setattr(LambdaResponse, operation.__name__.removeprefix("_"), operation)
    for path in ADDED_PATHS:
        urls.url_paths[path] = LambdaResponse.dispatch
    default_user_config["lambda"] = {"use_docker": False}
