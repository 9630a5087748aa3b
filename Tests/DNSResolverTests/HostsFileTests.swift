import CallModel
import DNSResolver
import Foundation
import Testing

@testable import struct DNSResolver.HostsFile

@Suite struct HostsFileTests {
  @Test func lines() {
    let text = """
      # comment
      192.0.2.1 PBX.test pbx   # the exchange
      2001:db8::1\tpbx
      192.0.2.1 pbx
      not-an-address name
      192.0.2.3

      fe80::1%eth0 scoped
      192.0.2.4 last
      """
    let hosts = HostsFile.parse(text)
    #expect(hosts["pbx"] == [.v4(0xc000_0201), .v6(0x2001_0db8_0000_0000, 1)])
    #expect(hosts["pbx.test"] == [.v4(0xc000_0201)])
    #expect(hosts["last"] == [.v4(0xc000_0204)])
    #expect(hosts["name"] == nil && hosts["scoped"] == nil)
    #expect(HostsFile.parse("").isEmpty)
  }

  @Test func theFileIsReadAgainWhenItChanges() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "hosts-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var hosts = HostsFile(path: path)
    let start = MonotonicInstant.zero
    #expect(hosts.addresses(of: "pbx", now: start) == [])
    try "192.0.2.1 pbx\n".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(hosts.addresses(of: "pbx", now: start + .milliseconds(500)) == [])
    #expect(hosts.addresses(of: "pbx", now: start + .seconds(1)) == [.v4(0xc000_0201)])
    try "192.0.2.99 pbx more\n".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(hosts.addresses(of: "pbx", now: start + .seconds(2)) == [.v4(0xc000_0263)])
    try FileManager.default.removeItem(atPath: path)
    #expect(hosts.addresses(of: "pbx", now: start + .seconds(3)) == [])
  }

  @Test func theFileIsAskedBeforeTheServers() async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "hosts-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "192.0.2.1 pbx.test\n".write(toFile: path, atomically: true, encoding: .utf8)
    let server = try await FakeNameServer.start { Wire.response(to: $0, code: 3) }
    let resolver = try DNSResolver(
      configuration: DNSResolverConfiguration(servers: [server.address], hostsFile: path))
    #expect(await resolver.answer(to: DNSQuestion("pbx.test", .a)) == .records([.address(.v4(0xc000_0201))]))
    #expect(await resolver.answer(to: DNSQuestion("pbx.test", .aaaa)) == .noData)
    #expect(server.queryCount == 0)
    #expect(await resolver.answer(to: DNSQuestion("pbx.test", .srv)) == .noSuchName)
    #expect(server.queryCount == 1)
  }
}
