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

  @Test func aDeviceThatPolicyNoLongerKnowsIsRemoved() throws {
    let router = Router(policy: try snapshot(devices: [Device(alias: "bob", allowsSIP: true)]))
    router.registrations.add(binding("bob")) { _ in false }
    router.activate(try snapshot(devices: [Device(alias: "bob", allowsSIP: true)]))
    #expect(router.registrations.count == 1)
    router.activate(try snapshot(devices: [Device(alias: "ann", allowsSIP: true)]))
    #expect(router.registrations.count == 0)
  }
}
