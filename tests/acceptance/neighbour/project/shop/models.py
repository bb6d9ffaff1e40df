"""What the shop's tasks have done."""

from django.db import models


class Run(models.Model):
    """One run of a task: it has begun."""

    label = models.CharField(max_length=80)

    def __str__(self):
        return self.label


class Order(models.Model):
    """A document of a customer, and the conversion that makes it a PDF."""

    conversion = models.CharField(max_length=40)

    def __str__(self):
        return self.conversion
