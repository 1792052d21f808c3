"""What is wrong with the project's endpoints, told before a deploy; nothing is changed here.

`report` gathers what `validate` and `make up` tell. Each other module finds one kind of fault: in
settings and template, imports, sizes, models.
"""
