"""The rules: `load("@rules_container//rules:defs.bzl", …)`."""

load("//rules/private:archive.bzl", _container_archive = "container_archive")
load("//rules/private:attest.bzl", _attested_package = "attested_package", _container_attest = "container_attest")
load("//rules/private:binary_layer.bzl", _container_binary_layer = "container_binary_layer")
load("//rules/private:image.bzl", _container_image = "container_image")
load("//rules/private:index.bzl", _container_index = "container_index")
load("//rules/private:layer.bzl", _container_layer = "container_layer", _file_attributes = "file_attributes")
load("//rules/private:push.bzl", _container_load = "container_load", _container_push = "container_push", _container_push_all = "container_push_all")
load(
    "//rules/private:tests.bzl",
    _container_digest_test = "container_digest_test",
    _container_reproducible_test = "container_reproducible_test",
    _container_structure_test = "container_structure_test",
    _expected_file = "expected_file",
)

container_layer = _container_layer
container_binary_layer = _container_binary_layer
container_image = _container_image
container_index = _container_index
container_archive = _container_archive
container_attest = _container_attest
container_load = _container_load
container_push = _container_push
container_push_all = _container_push_all

attested_package = _attested_package
file_attributes = _file_attributes

container_digest_test = _container_digest_test
container_structure_test = _container_structure_test
container_reproducible_test = _container_reproducible_test

expected_file = _expected_file
