import CallModel
import PolicyEngine
import Router
import Testing

@Suite struct RegistrationsTests {
  let now = MonotonicInstant.zero

  @Test func aRefreshKeepsItsIdAndStart() {
    let registrations = Registrations()
    var added = 0
    registrations.onAdded = { _ in added += 1 }
    let first = registrations.add(binding("bob", contact: "sip:a@192.0.2.1")) {
      $0.contact == "sip:a@192.0.2.1"
    }
    let again = registrations.add(binding("BOB", contact: "sip:a@192.0.2.1", expires: .seconds(99))) {
      $0.contact == "sip:a@192.0.2.1"
    }
    #expect(first == again && added == 1 && registrations.count == 1)
    #expect(registrations.bindings(of: "bOb", now: now).first?.expires == now + .seconds(99))
  }

  @Test func expiredBindingsAreGoneAndReported() {
    let registrations = Registrations()
    var reasons: [Registrations.Removal] = []
    registrations.onRemoved = { reasons.append($1) }
    registrations.add(binding("bob", contact: "a", expires: .seconds(10))) { _ in false }
    registrations.add(binding("bob", contact: "b", expires: .seconds(20))) { _ in false }
    #expect(registrations.bindings(of: "bob", now: now + .seconds(15)).map(\.contact) == ["b"])
    registrations.expire(now: now + .seconds(15))
    registrations.remove("bob", .unregistered)
    #expect(reasons == [.expired, .unregistered] && registrations.count == 0)
    #expect(!registrations.isRegistered("bob", now: now))
  }

  @Test func aConnectionTakesItsOwnBindingsWithIt() {
    let registrations = Registrations()
    var removed: [String] = []
    registrations.onRemoved = { removed.append("\($0.alias) \($0.contact) \($1.rawValue)") }
    // Two devices over one connection (a proxy), one of them over another as well, and one over none.
    registrations.add(binding("bob", contact: "a", connection: 1)) { _ in false }
    registrations.add(binding("Bob", contact: "b", connection: 2)) { _ in false }
    registrations.add(binding("carol", contact: "c", connection: 1)) { _ in false }
    registrations.add(binding("dave", contact: "d")) { _ in false }
    #expect(registrations.connectionCount == 2)
    registrations.removeAll(ofConnection: 1)
    #expect(removed.sorted() == ["bob a Connection lost", "carol c Connection lost"])
    #expect(registrations.count == 2 && registrations.connectionCount == 1)
    registrations.removeAll(ofConnection: 1)
    registrations.removeAll(ofConnection: 9)
    #expect(registrations.count == 2)

    // A refresh over another connection moves the binding.
    registrations.add(binding("bob", contact: "b", connection: 3)) { $0.contact == "b" }
    registrations.removeAll(ofConnection: 2)
    #expect(registrations.count == 2 && registrations.connectionCount == 1)
    registrations.removeAll(ofConnection: 3)
    #expect(registrations.bindings(of: "bob", now: now).isEmpty)
    #expect(registrations.count == 1 && registrations.connectionCount == 0)
  }

  @Test func whateverEndsABindingItsConnectionIsForgottenWithTheLastOne() {
    let registrations = Registrations()
    for (contact, seconds) in [("a", 10), ("b", 20), ("c", 30)] as [(String, Int64)] {
      registrations.add(binding("bob", contact: contact, expires: .seconds(seconds), connection: 1)) { _ in
        false
      }
    }
    registrations.expire(now: now + .seconds(15))
    #expect(registrations.connectionCount == 1)
    registrations.remove("bob", .unregistered) { $0.contact == "b" }
    #expect(registrations.connectionCount == 1)
    registrations.removeAll(.deviceRemoved) { _ in true }
    #expect(registrations.connectionCount == 0 && registrations.count == 0)
  }

  @Test func aDeviceThatPolicyNoLongerKnowsIsRemoved() throws {
    let router = Router(policy: try snapshot(devices: [Device(alias: "bob", allowsSIP: true)]))
    router.registrations.add(binding("bob")) { _ in false }
    router.activate(try snapshot(devices: [Device(alias: "bob", allowsSIP: true)]))
    #expect(router.registrations.count == 1)
    router.activate(try snapshot(devices: [Device(alias: "ann", allowsSIP: true)]))
    #expect(router.registrations.count == 0)
  }
}
