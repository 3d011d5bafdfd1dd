"""See beside it."""


class NlpEngineProvider:
    def __init__(self, nlp_configuration):
        pass

    def create_engine(self):
        return None
