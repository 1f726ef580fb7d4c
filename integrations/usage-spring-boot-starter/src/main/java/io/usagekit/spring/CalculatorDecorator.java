package io.usagekit.spring;

import io.usagekit.UsageCalculator;
import java.util.function.UnaryOperator;

/** Wraps the calculator that the auto-configured service computes with; the calculator's bean stays as it is. */
@FunctionalInterface
interface CalculatorDecorator extends UnaryOperator<UsageCalculator> {}
