import Codecs

/// Any file is read or refused without a trap, within the limits of the formats, and in pieces as in one.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSoundFile(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let data, size > 0 else { return 0 }
  let file = UnsafeRawBufferPointer(start: data, count: size)
  if let format = try? WAVFormat(file) {
    precondition(format.data.upperBound <= file.count)
    let samples = format.read(0..<format.frameCount, of: file)
    precondition(samples.count == format.frameCount)
  }
  let whole = read(file, piece: size)
  let pieces = read(file, piece: 1 + Int(data[0]))
  precondition(whole.items == pieces.items && whole.error == pieces.error, "pieces are read in another way")
  return 0
}

private func read(
  _ file: UnsafeRawBufferPointer, piece: Int
) -> (items: [OggOpusReader.Item], error: SoundFileError?) {
  var reader = OggOpusReader()
  var items: [OggOpusReader.Item] = []
  var start = 0
  while start < file.count {
    let end = min(file.count, start + piece)
    do throws(SoundFileError) {
      items += try reader.read(UnsafeRawBufferPointer(rebasing: file[start..<end]))
    } catch {
      // What came before the failure in the same piece is lost with it.
      return ([], error)
    }
    start = end
  }
  for case .audio(let packet) in items { precondition(packet.count <= OggOpusReader.maximumPacketBytes) }
  return (items, nil)
}
