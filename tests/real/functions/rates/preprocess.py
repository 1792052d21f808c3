"""Three inputs, each of another type, as a list in the order of endpoint.toml."""


class Preprocess(object):
    def preprocess(self, body, state, collect_custom_statistics_fn=None):
        return [[[body["amount"]]], [[body["days"]]], [[body["is_new"]]]]

    def postprocess(self, data, state, collect_custom_statistics_fn=None):
        state["names"] = self.model_endpoint.input_name
        return {"rate": data[0][0], "of": state["names"]}
