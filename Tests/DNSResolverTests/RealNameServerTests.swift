import CallModel
import DNSResolver
import NIOCore
import NIOPosix
import SIP
import SIPTransport
import Testing

/// Against dnsmasq: what a resolver and server location make of a real server's answers.
@Suite(.enabled(if: DNSMasq.program != nil, "dnsmasq is not installed"), .timeLimit(.minutes(1)), .serialized)
struct RealNameServerTests {
  private static let zone = [
    "--address=/pbx1.test.local/127.0.0.11", "--address=/pbx2.test.local/127.0.0.12",
    "--address=/pbx2.test.local/::1", "--cname=alias.test.local,pbx1.test.local",
    "--host-record=pbx1.test.local,127.0.0.11",
    "--srv-host=_sip._udp.test.local,pbx1.test.local,5062,10,50",
    "--srv-host=_sip._udp.test.local,pbx2.test.local,5063,20,50",
    "--srv-host=_sip._tcp.test.local,pbx2.test.local,5064,10,50",
    "--srv-host=_sips._tcp.test.local,pbx1.test.local,5065,10,50",
    "--naptr-record=test.local,10,10,s,SIP+D2T,,_sip._tcp.test.local",
    "--naptr-record=test.local,20,10,s,SIP+D2U,,_sip._udp.test.local",
  ]

  private func address(_ text: String) -> DNSRecord { .address(IPAddress(text) ?? .anyIPv4) }

  @Test func recordsOfEveryType() async throws {
    let server = try DNSMasq.start(Self.zone)
    let resolver = try server.resolver()
    #expect(
      await resolver.answer(to: DNSQuestion("pbx1.test.local", .a)) == .records([address("127.0.0.11")]))
    #expect(await resolver.answer(to: DNSQuestion("pbx2.test.local", .aaaa)) == .records([address("::1")]))
    #expect(
      await resolver.answer(to: DNSQuestion("alias.test.local", .a)) == .records([address("127.0.0.11")]))
    #expect(await resolver.answer(to: DNSQuestion("pbx1.test.local", .aaaa)) == .noData)
    #expect(await resolver.answer(to: DNSQuestion("nobody.test.local", .a)) == .noSuchName)
    let services = await resolver.answer(to: DNSQuestion("_sip._udp.test.local", .srv)).records
    #expect(
      Set(services) == [
        .service(.init(priority: 10, weight: 50, port: 5062, target: "pbx1.test.local")),
        .service(.init(priority: 20, weight: 50, port: 5063, target: "pbx2.test.local")),
      ])
    let pointers = await resolver.answer(to: DNSQuestion("test.local", .naptr)).records
    #expect(
      pointers.contains(
        .namingAuthority(
          .init(
            order: 10, preference: 10, flags: "s", service: "SIP+D2T", replacement: "_sip._tcp.test.local"))))
    #expect(pointers.count == 2)
  }

  /// More than a datagram holds: the answer comes by TCP.
  @Test func aLargeAnswerComesWhole() async throws {
    let names = (0..<60).map {
      "--srv-host=_sip._udp.test.local,server-with-a-long-name-\($0).test.local,5060,\($0),1"
    }
    let server = try DNSMasq.start(names)
    let resolver = try server.resolver()
    let records = await resolver.answer(to: DNSQuestion("_sip._udp.test.local", .srv)).records
    #expect(Set(records).count == 60)
  }

  @Test func manyQuestionsAtOnce() async throws {
    let hosts = (0..<200).map { "--host-record=h\($0).test.local,127.1.0.\($0)" }
    let server = try DNSMasq.start(hosts)
    let resolver = try server.resolver()
    let found = await withTaskGroup(of: Bool.self) { group in
      for i in 0..<200 {
        group.addTask {
          await resolver.answer(to: DNSQuestion("h\(i).test.local", .a))
            == .records([.address(.v4(0x7f01_0000 + UInt32(i)))])
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(found == 200)
  }

  private func locate(
    _ target: ServerLocationTarget, _ resolver: DNSResolver, deadline: TimeSpan = .seconds(8),
    _ preferences: ServerLocationPreferences = .init(transports: [.tcp, .udp], families: .preferIPv4)
  ) async throws -> [ServerCandidate] {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    return try await loop.flatSubmit {
      ServerLocator(resolver: resolver, eventLoop: loop, preferences: preferences, deadline: deadline)
        .locate(target)
    }.get()
  }

  @Test func aDomainIsLocatedByNamingAuthorityServicesAndAddresses() async throws {
    let server = try DNSMasq.start(Self.zone)
    let resolver = try server.resolver()
    let found = try await locate(ServerLocationTarget(host: .name("test.local")), resolver)
    #expect(
      found.map(\.description) == [
        "tcp:127.0.0.12:5064", "tcp:[::1]:5064", "udp:127.0.0.11:5062", "udp:127.0.0.12:5063",
        "udp:[::1]:5063",
      ])
    let secure = try await locate(
      ServerLocationTarget(host: .name("test.local"), transport: .tls), resolver,
      ServerLocationPreferences(transports: [.tls], families: .preferIPv4))
    #expect(secure.map(\.description) == ["tls:127.0.0.11:5065"])
    #expect(secure.first?.serverName == "test.local")
  }

  @Test func weightsOfARealAnswerAreKept() async throws {
    let server = try DNSMasq.start([
      "--srv-host=_sip._udp.test.local,light.test.local,5060,1,10",
      "--srv-host=_sip._udp.test.local,heavy.test.local,5060,1,90",
      "--host-record=light.test.local,127.0.0.21", "--host-record=heavy.test.local,127.0.0.22",
    ])
    let resolver = try server.resolver()
    var heavyFirst = 0
    for _ in 0..<300 {
      let found = try await locate(ServerLocationTarget(host: .name("test.local"), transport: .udp), resolver)
      #expect(found.count == 2)
      if found.first?.address.ip == IPAddress("127.0.0.22") { heavyFirst += 1 }
    }
    #expect((240...295).contains(heavyFirst))
    // All but the first look-up came out of the cache.
    #expect(resolver.counters.asked <= 5)
  }

  @Test func aServerThatFailedComesLast() async throws {
    let server = try DNSMasq.start(Self.zone)
    let resolver = try server.resolver()
    let found = try await locate(ServerLocationTarget(host: .name("test.local"), transport: .udp), resolver)
    var failures = ServerFailures()
    failures.failed(found[0], .unreachable, now: .zero)
    var sequence = ServerSequence(failures.arranged(found, now: .zero + .seconds(1)))
    #expect(sequence.next()?.address.port == 5063)
  }

  @Test func aDomainThatDoesNotExist() async throws {
    let server = try DNSMasq.start(Self.zone)
    let resolver = try server.resolver()
    await #expect(throws: ServerLocationError.noServer("none.test.local")) {
      try await locate(ServerLocationTarget(host: .name("none.test.local")), resolver)
    }
  }

  @Test func aSilentServerEndsTheLookUpAtTheDeadline() async throws {
    let server = try await FakeNameServer.start { _ in nil }
    let resolver = try DNSResolver(
      configuration: DNSResolverConfiguration(servers: [server.address], hostsFile: nil))
    await #expect(throws: ServerLocationError.dnsFailure("test.local", .timeout)) {
      try await locate(
        ServerLocationTarget(host: .name("test.local")), resolver, deadline: .milliseconds(200))
    }
  }

  /// What is known by the deadline is used.
  @Test func oneSilentNameDoesNotHoldBackTheOthers() async throws {
    let server = try await FakeNameServer.start { query in
      let type = query[query.firstIndex(of: 0, after: 12) + 2]
      let target = { (port: Int, name: String) in
        Wire.record(33, ttl: 60, Wire.uint16(port) + Wire.uint16(1) + Wire.uint16(port) + Wire.name(name))
      }
      if type == 33 {
        return Wire.response(to: query, answers: [target(5060, "silent.test"), target(5070, "here.test")])
      }
      if query[13] == UInt8(ascii: "s") { return nil }
      return Wire.response(to: query, answers: [Wire.record(1, ttl: 60, [192, 0, 2, 1])])
    }
    let resolver = try DNSResolver(
      configuration: DNSResolverConfiguration(servers: [server.address], hostsFile: nil))
    let found = try await locate(
      ServerLocationTarget(host: .name("d.test"), transport: .udp), resolver, deadline: .milliseconds(300),
      ServerLocationPreferences(transports: [.udp], families: .ipv4Only))
    #expect(found.map(\.description) == ["udp:192.0.2.1:5070"])
  }
}

extension [UInt8] {
  fileprivate func firstIndex(of byte: UInt8, after start: Int) -> Int {
    self[start...].firstIndex(of: byte) ?? endIndex - 3
  }
}
