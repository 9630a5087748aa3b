import CallModel
import Glibc
import Testing

@testable import SIP

/// A call's transactions linger for 32 s, a hundred thousand of them on a busy system: each must be small.
@Suite(.serialized) struct TransactionFootprintTests {
  /// Resident bytes of this process. Tests beside this one move it by a few megabytes; what is measured here is tens.
  private func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, 128, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let fields = text.split(separator: " ")
    return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  @Test func aLingeringServerTransactionIsSmall() throws {
    let count = 30_000
    var outputs: [TransactionOutput] = []
    let hop = TransactionParty().hop
    var layer = TransactionLayer(seed: 3)
    let before = residentBytes()
    for index in 0..<count {
      let text = TransactionParty.incoming("INVITE", branch: "z9hG4bK-\(index)", callID: "call-\(index)")
      let message = try SIPParser.parse(Array(text.replacing("\n", with: "\r\n").utf8))
      layer.receive(message, over: hop, now: .zero, into: &outputs)
      guard case .request(let request, let id, _)? = outputs.last else { continue }
      layer.respond(SIPResponse(to: request, status: 486, toTag: "t"), to: id, now: .zero, into: &outputs)
      outputs.removeAll()
    }
    let each = (residentBytes() - before) / count
    #expect(layer.serverTransactionCount == count)
    #expect(each > 200 && each < 1_000, "\(each) bytes each")
    layer.advance(to: .zero + .seconds(33), into: &outputs)
    #expect(layer.serverTransactionCount == 0)
  }

  @Test func aLingeringClientTransactionIsSmall() throws {
    let count = 30_000
    var outputs: [TransactionOutput] = []
    let hop = TransactionParty().hop
    var layer = TransactionLayer(seed: 3)
    let body = [UInt8](repeating: 0x61, count: 2_000)
    let before = residentBytes()
    for index in 0..<count {
      let request = TransactionParty.request(.invite, callID: "call-\(index)", body: body)
      _ = layer.send(request, to: hop, sentBy: TransactionParty.address, now: .zero, into: &outputs)
      guard case .send(let bytes, _)? = outputs.last, case .request(let sent)? = try? SIPParser.parse(bytes)
      else { continue }
      layer.receive(
        .response(SIPResponse(to: sent, status: 486, toTag: "t")), over: hop, now: .zero, into: &outputs)
      outputs.removeAll()
    }
    let each = (residentBytes() - before) / count
    #expect(layer.clientTransactionCount == count)
    #expect(each > 200 && each < 1_000, "\(each) bytes each")
  }
}
