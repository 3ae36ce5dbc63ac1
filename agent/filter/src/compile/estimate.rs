//! What a check costs and how often it holds, both guessed: they only decide what is looked at first.

use crate::operator::Modifier;
use crate::typed::{BoolTest, IpTest, NetTest, NumberTest, Order, Relation, Test, TextTest};

/// How often a test holds.
pub(super) fn chance(test: &Test) -> f32 {
    match test {
        Test::Exists => 0.7,
        Test::Bool(BoolTest::In(_)) => 0.9,
        Test::Bool(_) => 0.5,
        Test::Number(NumberTest::Order(order, _)) => of_order(*order),
        Test::Text(TextTest::Order(order, _)) => of_order(*order),
        Test::Ip(IpTest::Ne(_)) | Test::Net(NetTest::Ne(_)) => 1.0 - EQUAL,
        Test::Number(NumberTest::In(_)) | Test::Ip(_) | Test::Net(_) | Test::Text(_) => EQUAL,
        Test::Source(Relation::Order(order), _) => of_order(*order),
        Test::Source(..) => 0.3,
        Test::Modified(Modifier::AllOf, tests) => tests.iter().map(chance).product(),
        Test::Modified(_, tests) => 1.0 - tests.iter().map(|test| 1.0 - chance(test)).product::<f32>(),
    }
}

/// Of all that a name, a path or an address may be, a rule asks for little.
const EQUAL: f32 = 0.2;

fn of_order(order: Order) -> f32 {
    match order {
        Order::Eq => EQUAL,
        Order::Ne => 1.0 - EQUAL,
        _ => 0.5,
    }
}

/// Of the parts of a conjunction, the place of one: first what fails often for its cost.
pub(super) fn rank(cost: f32, chance: f32) -> f32 {
    cost / (1.0 - chance).max(0.01)
}
