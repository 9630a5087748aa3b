import AudioBridge
import CallModel
import Codecs
import Glibc
import MediaRelay
import TestSupport
import Testing

/// A phone in a conference: a socket on loopback, an encoder and a decoder.
final class Caller {
  let encoding: AudioEncoding
  let payloadType: UInt8
  let socket: Int32
  let address: TransportAddress
  private var encoder: AudioEncoder
  private var decoder: AudioDecoder
  private(set) var party: BridgeParty
  let port: RelayPort
  var sequence = UInt16.random(in: 0 ... .max)
  var timestamp = UInt32.random(in: 0 ... .max)
  var ssrc = UInt32.random(in: 1 ... .max)
  /// What it says in each frame; nil sends nothing.
  var voice: (Int) -> [Int16]? = { _ in nil }
  private var frames = 0
  var remote: MediaStream
  var local: MediaStream
  var side: RelaySide
  private var outbound: SRTPSession?
  private var inbound: SRTPSession?

  private(set) var heard: [Int16] = []
  /// Fixed headers of what came, in the order of arrival.
  private(set) var headers: [RTPHeader] = []
  var keepsPayloads = false
  private(set) var payloads: [[UInt8]] = []
  private(set) var reports: [[UInt8]] = []
  /// RFC 4733 payloads.
  private(set) var events: [[UInt8]] = []
  private(set) var unreadable = 0

  init(
    _ room: BridgeRoom, _ encoding: AudioEncoding, isSecure: Bool = false, hasEvents: Bool = true,
    change: (inout MediaStream) -> Void = { _ in }
  ) throws {
    self.encoding = encoding
    payloadType = encoding.staticPayloadType ?? 111
    encoder = try unwrapped(AudioEncoder(encoding))
    decoder = try unwrapped(AudioDecoder(encoding))
    party = try unwrapped(room.openParty())
    port = try unwrapped(party.reserve())
    (socket, address) = try Caller.openSocket()
    let channels = encoding == .opus ? 2 : 1
    var codecs = [
      Codec(payloadType, encoding.name, clockRate: encoding.clockRate, channels: channels)
    ]
    if hasEvents { codecs.append(Codec(101, "telephone-event", clockRate: encoding.clockRate)) }
    remote = MediaStream(kind: .audio, address: address, isRTCPMultiplexed: true, codecs: codecs)
    change(&remote)
    local = remote
    local.address = port.rtp
    side = RelaySide(port: port, remoteRTP: address, isRTCPMultiplexed: true)
    if isSecure {
      let ours = Caller.key(1)
      let theirs = Caller.key(2)
      side.sendKeys = SRTPParameters(ours)
      side.receiveKeys = SRTPParameters(theirs)
      outbound = SRTPSession(SRTPParameters(theirs), direction: .send)
      inbound = SRTPSession(SRTPParameters(ours), direction: .receive)
    }
  }

  deinit { close(socket) }

  private static func key(_ byte: UInt8) -> SDESCrypto {
    let suite = SDESCrypto.Suite.aesCM128HMACSHA1_80
    let bytes = [UInt8](repeating: byte, count: suite.keyLength + suite.saltLength)
    return SDESCrypto(tag: 1, suite: suite, keyAndSalt: bytes)!
  }

  private static func openSocket() throws -> (Int32, TransportAddress) {
    let fd = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    try #require(fd >= 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(fd, $0, length)
        _ = getsockname(fd, $0, &length)
      }
    }
    return (fd, TransportAddress(.loopbackIPv4, UInt16(bigEndian: address.sin_port)))
  }

  var id: BridgeParty.ID { party.id }
  var rate: Int { encoding.sampleRate }

  /// Puts what was negotiated in place.
  @discardableResult
  func connect() -> Bool { party.connect(side, remote: remote, local: local) }

  @discardableResult
  func join(_ placement: BridgePlacement = .mix()) -> Caller {
    #expect(connect())
    party.place(placement)
    return self
  }

  /// Sings one note.
  @discardableResult
  func singing(_ tone: Double, amplitude: Double = 6_000) -> Caller {
    let frame = encoding.sampleRate / 50
    voice = { [rate] tick in
      AudioSignal.sine(tone, rate: rate, count: frame, amplitude: amplitude, from: tick * frame)
    }
    return self
  }

  /// Sends no audio, but something: a listener that is there.
  @discardableResult
  func silent() -> Caller {
    let frame = encoding.sampleRate / 50
    voice = { _ in [Int16](repeating: 0, count: frame) }
    return self
  }

  // MARK: Sending

  func sendFrame() {
    defer {
      frames += 1
      timestamp &+= UInt32(encoding.clockRate / 50)
    }
    guard let samples = voice(frames) else { return }
    var payload = [UInt8](repeating: 0, count: 2_048)
    let length = samples.withUnsafeBufferPointer { from in
      payload.withUnsafeMutableBytes { encoder.encode(from, into: $0) }
    }
    guard length > 0 else { return }
    send(payloadType, Array(payload[..<length]))
    sequence &+= 1
  }

  func send(_ type: UInt8, _ payload: [UInt8], timestamp: UInt32? = nil, isMarked: Bool = false) {
    var packet = [UInt8](repeating: 0, count: 12)
    packet.withUnsafeMutableBytes {
      RTPHeader(
        payloadType: type, sequenceNumber: sequence, timestamp: timestamp ?? self.timestamp, ssrc: ssrc,
        marker: isMarked
      ).write(to: $0.baseAddress!)
    }
    packet += payload
    if let outbound {
      let count = packet.count
      packet += [UInt8](repeating: 0, count: SRTPSession.overhead)
      let length = packet.withUnsafeMutableBytes { outbound.protect($0, count: count) }
      packet.removeLast(packet.count - (length ?? 0))
    }
    send(packet)
  }

  func send(_ packet: [UInt8]) {
    var to = sockaddr_in()
    to.sin_family = sa_family_t(AF_INET)
    to.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    to.sin_port = port.rtp.port.bigEndian
    withUnsafePointer(to: &to) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = sendto(socket, packet, packet.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  // MARK: Hearing

  func receiveAll() {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      guard count > 0 else { return }
      take(Array(buffer[..<count]))
    }
  }

  private func take(_ packet: [UInt8]) {
    if (192...223).contains(packet[1]) { return reports.append(packet) }
    guard let plain = opened(packet), let header = plain.withUnsafeBytes({ RTPHeader.parse($0) })
    else { return unreadable += 1 }
    headers.append(header)
    let payload = Array(plain[header.length...])
    if header.payloadType == 101 { return events.append(payload) }
    guard header.payloadType == payloadType else { return unreadable += 1 }
    if keepsPayloads { payloads.append(payload) }
    var samples = [Int16](repeating: 0, count: decoder.maximumSamples)
    let count = payload.withUnsafeBytes { bytes in
      samples.withUnsafeMutableBufferPointer { decoder.decode(bytes, into: $0) }
    }
    guard let count else { return unreadable += 1 }
    heard += samples[..<count]
  }

  private func opened(_ packet: [UInt8]) -> [UInt8]? {
    guard let inbound else { return packet }
    var packet = packet
    guard let length = packet.withUnsafeMutableBytes({ inbound.unprotect($0) }) else { return nil }
    return Array(packet[..<length])
  }

  /// Forgets what it heard.
  func cleanEars() { heard = [] }

  func level(of tone: Double, seconds: Double = 0.3) -> Double {
    let last = heard.suffix(Int(seconds * Double(rate)))
    guard last.count >= Int(seconds * Double(rate)) else { return 0 }
    return AudioSignal.level(of: tone, in: last, rate: rate)
  }

  func hears(_ tone: Double) -> Bool { level(of: tone) > 1_500 }
  func misses(_ tone: Double) -> Bool {
    heard.count >= Int(0.3 * Double(rate)) && level(of: tone) < 100
  }
}
